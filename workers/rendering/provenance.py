"""What every picture says about where it came from, for any reader that looks."""

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's name for a picture made by a trained model (NewsCodes, digital source type)."""

ENLARGED_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""The same for a photograph to which a trained model added detail."""


def xmp_of(source_type: str) -> str:
    """The XMP packet that names a digital source type."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' Iptc4xmpExt:DigitalSourceType="{source_type}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )


XMP = xmp_of(DIGITAL_SOURCE_TYPE)
"""XMP packet, the same in every portrait."""
XMP_ENLARGED = xmp_of(ENLARGED_SOURCE_TYPE)
"""XMP packet of every enlarged photograph."""
