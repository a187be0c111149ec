"""Every key in storage, in one readable table.

| object | key |
|---|---|
| photo | photos/<2>/<sha256>.<ext> |
| upload: list of photos to curate, or a cascade archive | intakes/<2>/<sha256> |
| curate or verify task's verdicts, by attempt | jobs/<job>/verdicts/<lo>-<hi>.<attempt>.json |
| photo's preview, a JPEG | previews/<2>/<sha256>.jpg |
| dataset version | datasets/<name>/<version>/manifest.parquet, …/photos.jsonl.gz, …/policy.json, …/report.html |
| run's configuration | runs/<run>/config.json |
| slice's log, by attempt | runs/<run>/logs/<start nimg>.<attempt>.jsonl |
| sample grid, by attempt | runs/<run>/samples/<nimg>.<attempt>.png |
| slice's figures, by attempt | runs/<run>/figures/<nimg>.<attempt>.json |
| run's page after a slice, by attempt | runs/<run>/pages/<nimg>.<attempt>.html |
| slice's events for TensorBoard | runs/<run>/tensorboard/events.out.tfevents.<start nimg>.<attempt>, ….figures |
| run's film after a slice, by attempt | runs/<run>/films/<nimg>.<attempt>.mp4 |
| checkpoint, by attempt | runs/<run>/slices/<start nimg>.<attempt>/<file> |
| cascade | cascades/<digest>/cascade.json, cascades/<digest>/<stage>.safetensors |
| master | portraits/<2>/<recipe digest>.png, with .<epoch> before .png after the first collection |
| job's result list and contact sheet | jobs/<job>/manifest/<part>.parquet, jobs/<job>/contact.jpg |
| film, one file a codec | jobs/<job>/film.<codec>.mp4 |
| verify job's result | jobs/<job>/verify.json |
| ranking of a selection or a rank job, by attempt | jobs/<job>/ranking.<attempt>.json |
| features of up to 64 pictures | evaluations/features/<2>/<digest of pictures, extractor, size>.safetensors |
| evaluation, verdict, report for people | jobs/<job>/evaluation.json, jobs/<job>/verdict.json, jobs/<job>/report.html |
| what a look at a sequential comparison found, by attempt | jobs/<job>/looks/<look>.<attempt>.json |
| certificates of portraits | jobs/<job>/certificates/<seed>.json, …/<seed>.jpg, jobs/<job>/certificates.json |
| a cascade as an ONNX graph, and how near torch it is | jobs/<job>/cascade.onnx, jobs/<job>/onnx.json |
| giant job's tiles and guides, until it is done | jobs/<job>/tiles/<picture>/<step>/<tile>.png, …/<step>/guide |
"""

import re

_PORTRAIT = re.compile(r"portraits/[0-9a-f]{2}/([0-9a-f]{64})(?:\.([1-9][0-9]{0,17}))?\.png", re.ASCII)


def photo(sha256: str, extension: str) -> str:
    return f"photos/{sha256[:2]}/{sha256}.{extension}"


def intake(sha256: str) -> str:
    return f"intakes/{sha256[:2]}/{sha256}"


def verdicts(job_id: int, lo: int, hi: int, attempt: int) -> str:
    return f"jobs/{job_id}/verdicts/{lo:09d}-{hi:09d}.{attempt}.json"


def dataset_manifest(name: str, version: int) -> str:
    return f"datasets/{name}/{version}/manifest.parquet"


def photo_preview(sha256: str) -> str:
    return f"previews/{sha256[:2]}/{sha256}.jpg"


def dataset_photos(name: str, version: int) -> str:
    return f"datasets/{name}/{version}/photos.jsonl.gz"


def dataset_policy(name: str, version: int) -> str:
    return f"datasets/{name}/{version}/policy.json"


def dataset_report(name: str, version: int) -> str:
    return f"datasets/{name}/{version}/report.html"


def run_config(run: str) -> str:
    return f"runs/{run}/config.json"


def slice_log(run: str, start_nimg: int, attempt: int) -> str:
    return f"runs/{run}/logs/{start_nimg:010d}.{attempt}.jsonl"


def sample_grid(run: str, nimg: int, attempt: int) -> str:
    return f"runs/{run}/samples/{nimg:010d}.{attempt}.png"


def slice_figures(run: str, nimg: int, attempt: int) -> str:
    return f"runs/{run}/figures/{nimg:010d}.{attempt}.json"


def run_page(run: str, nimg: int, attempt: int) -> str:
    return f"runs/{run}/pages/{nimg:010d}.{attempt}.html"


def slice_events(run: str, start_nimg: int, attempt: int) -> str:
    return f"runs/{run}/tensorboard/events.out.tfevents.{start_nimg:010d}.{attempt}"


def figure_events(run: str, start_nimg: int, attempt: int) -> str:
    return f"{slice_events(run, start_nimg, attempt)}.figures"


def run_film(run: str, nimg: int, attempt: int) -> str:
    return f"runs/{run}/films/{nimg:010d}.{attempt}.mp4"


def checkpoint(run: str, start_nimg: int, attempt: int) -> str:
    """Prefix of a checkpoint's files, ending in a slash."""
    return f"runs/{run}/slices/{start_nimg:010d}.{attempt}/"


def cascade(digest: str) -> str:
    """Prefix of a cascade's files, ending in a slash."""
    return f"cascades/{digest}/"


def portrait(recipe_digest: str, epoch: int = 0) -> str:
    """Where a portrait is put in that epoch; where it lies, its row says (farm/ledger/epochs.py)."""
    return f"portraits/{recipe_digest[:2]}/{recipe_digest}{f'.{epoch}' if epoch else ''}.png"


def epoch_of(portrait_key: str) -> int:
    """The epoch a portrait's key carries."""
    found = portrait_of(portrait_key)
    return found[1] if found else 0


def portrait_of(key: str) -> tuple[str, int] | None:
    """Recipe digest and epoch of a portrait's key, or None where it is no such key."""
    found = _PORTRAIT.fullmatch(key)
    return (found[1], int(found[2] or 0)) if found else None


def job_manifest(job_id: int, part: int) -> str:
    return f"jobs/{job_id}/manifest/{part:015d}.parquet"


def verification(job_id: int) -> str:
    return f"jobs/{job_id}/verify.json"


def ranking(job_id: int, attempt: int) -> str:
    return f"jobs/{job_id}/ranking.{attempt}.json"


def features(digest: str) -> str:
    return f"evaluations/features/{digest[:2]}/{digest}.safetensors"


def evaluation(job_id: int) -> str:
    return f"jobs/{job_id}/evaluation.json"


def verdict(job_id: int) -> str:
    return f"jobs/{job_id}/verdict.json"


def decision(job_id: int, look: int, attempt: int) -> str:
    return f"jobs/{job_id}/looks/{look}.{attempt}.json"


def report(job_id: int) -> str:
    return f"jobs/{job_id}/report.html"


def certificate(job_id: int, seed: int, extension: str) -> str:
    return f"jobs/{job_id}/certificates/{seed}.{extension}"


def certificates(job_id: int) -> str:
    return f"jobs/{job_id}/certificates.json"


def film(job_id: int, codec: str) -> str:
    return f"jobs/{job_id}/film.{codec}.mp4"


def onnx_graph(job_id: int) -> str:
    return f"jobs/{job_id}/cascade.onnx"


def onnx_check(job_id: int) -> str:
    return f"jobs/{job_id}/onnx.json"


def contact_sheet(job_id: int) -> str:
    return f"jobs/{job_id}/contact.jpg"


def tiles(job_id: int, picture: int | None = None) -> str:
    """Prefix of what a giant job's units leave for one another, of all its pictures or of one; ends in a slash."""
    return f"jobs/{job_id}/tiles/" + ("" if picture is None else f"{picture:06d}/")


def tile(job_id: int, picture: int, step: int, index: int) -> str:
    """A tile of the picture that a step starts from (0: the source)."""
    return f"{tiles(job_id, picture)}{step:02d}/{index:06d}.png"


def guide(job_id: int, picture: int, step: int) -> str:
    return f"{tiles(job_id, picture)}{step:02d}/guide.safetensors"


def preview(job_id: int, picture: int) -> str:
    return f"{tiles(job_id, picture)}preview.png"


def source_size(job_id: int, picture: int) -> str:
    return f"{tiles(job_id, picture)}size.json"
