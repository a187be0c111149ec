"""The documents: every command in them runs, everything they name exists.

How a document says what to do with a block of code (README.md and docs/*.md):

* ```sh is run by bash (`-eu -o pipefail`), block after block, in one shell for each document: variables and the current
  folder carry over. The shell stands in a clone, on a machine whose HOME is new (FARM_HOME is the default one); some
  photographs lie in ~/Pictures/faces. Every command must succeed.
* ```python is run there too, by the environment's Python.
* ```text right after such a block is what it says: each line must come, in this order, and others may come between. `…`
  stands for anything, also for the rest of a line; a number before s, min, h or /s is any number; blanks are blanks.
  Anywhere else ```text is for the eye.
* A comment on the line before a block changes what is done with it:
  `<!-- own terminal -->`   one command, started in the background and stopped (SIGTERM, it must exit with 0) when the
                            document ends; the next block is run when the ```text after this one has come.
  `<!-- exits 2 -->`        it must exit with this code instead of 0.
  `<!-- not run: reason --> for what cannot run here: Docker, systemd, another host, a GPU, an afternoon. Its `farm`
                            commands are parsed by the real parser, with values, and not carried out.
* Other languages (yaml, ini, json, mermaid) are for the eye.

Port 8800 of a block is the port of the farm under test. Everywhere in a document, also between backticks, each `farm`
command and option, `make` verb, FARM_ variable, address of the API (`GET /v1/jobs/5`) and path below farm/, workers/,
tests/, deploy/ and docs/ must exist; so must every relative link, its anchor, and every picture.
"""
