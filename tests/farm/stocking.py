"""Fills a farm for tests: a toy worker that leaves what real tasks leave, without painting or training anything."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field

from farm.dispatch import Dispatcher
from farm.errors import QueueUnavailable
from farm.ledger import CascadeRow, Claim, Dataset, FailedUnit, Ledger, Outcome, PortraitRow, Progress, Slice, Worker
from farm.planning import recipe_for, sizes_px
from farm.service import Service
from farm.settings import Settings
from farm.specs import RenderSpec, parse_spec
from farm.storage import Storage, keys, open_storage

QUEUES = ("render", "train", "cpu")
CASCADE = {"format": 1, "stages": [{"size_px": 16}, {"size_px": 32}]}
DIGEST = "ab" * 32


@dataclass
class CountingQueue:
    """Tickets that go nowhere but into a list. `down` makes it answer as a silent Redis does."""

    sent: list[tuple[str, int]] = field(default_factory=list)
    down: bool = False

    def waiting(self, queue: str) -> int:
        self.ping()
        return 0

    def send(self, queue: str, count: int) -> None:
        self.sent.append((queue, count))

    def ping(self) -> None:
        if self.down:
            raise QueueUnavailable("Redis at 10.0.0.7:6379 does not answer")

    def close(self) -> None:
        """Nothing to close."""


def service_on(ledger: Ledger, settings: Settings, *, queue: CountingQueue | None = None) -> Service:
    """The farm's verbs on a real ledger and the storage of `settings`; tickets are counted."""
    queue = queue or CountingQueue()
    return Service(
        ledger=ledger,
        storage=open_storage(settings),
        dispatcher=Dispatcher(ledger=ledger, queue=queue),
        queue=queue,  # type: ignore[arg-type]  # as complete as the real one
        settings=settings,
    )


def toy_worker(ledger: Ledger, name: str = "toy", *, queues: tuple[str, ...] = QUEUES) -> str:
    """A live worker in the ledger; its name."""
    ledger.register_worker(
        Worker(
            name=name,
            kinds=queues,
            device="cpu",
            render_class="toy",
            slots=1,
            draining=False,
            seen_at=0.0,
            leave_until=None,
        )
    )
    return name


def work_off(service: Service, *, bad: tuple[int, ...] = ()) -> int:
    """Claim and finish all there is, as a worker would; seeds in `bad` fail. How many tasks."""
    name, done = toy_worker(service.ledger), 0
    while (claim := service.ledger.claim(name, QUEUES)) is not None:
        progress, outcome = work_of(claim, service, bad)
        assert service.ledger.finish(claim.task_id, claim.attempt, progress, outcome).owned
        done += 1
    service.ledger.unregister_worker(name)
    return done


def add_cascade(service: Service, name: str = "demo") -> str:
    """Import a toy cascade; its digest."""
    service.import_cascade(name, toy_archive())
    work_off(service)
    return service.ledger.cascade(name).digest


def keep_cascade(
    service: Service,
    objects: dict[str, bytes],
    *,
    runs: tuple[str, ...] = ("faces",),
    output: dict[str, object] | None = None,
) -> CascadeRow:
    """The cascade of these objects, called c, as an assemble task of these runs would leave it."""
    digest = sha(objects["cascade.json"])
    service.submit({"kind": "assemble", "cascade": "c", "runs": list(runs)})
    for name, body in objects.items():
        service.storage.put(keys.cascade(digest) + name, body)
    config = {key: value for key, value in json.loads(objects["cascade.json"]).items() if key != "tensors"}
    claim = service.ledger.claim(toy_worker(service.ledger), QUEUES)
    assert claim is not None and claim.kind == "assemble"
    row = CascadeRow(digest=digest, name="c", version=0, config=config)
    service.ledger.finish(claim.task_id, claim.attempt, Progress(cursor=1), Outcome(cascade=row, output=output))
    return service.ledger.cascade("c")


def add_dataset(service: Service, name: str = "studio", *, photos: int = 3) -> None:
    """Curate a toy dataset."""
    body = [hashlib.sha256(bytes([index])).digest() for index in range(photos)]
    listed = [{"name": f"{i}.jpg", "sha256": service.put_photo(sha(b), b).sha256} for i, b in enumerate(body)]
    stored = service.put_intake(to_json({"version": 1, "photos": listed}))
    service.submit({"kind": "curate", "dataset": name, "intake": stored.sha256, "photos": photos})
    work_off(service)


def add_run(service: Service, name: str, *, stage: str = "base", preset: str = "smoke-base-16") -> None:
    """Train a toy run to its end."""
    service.submit({"kind": "train", "run": name, "stage": stage, "dataset": "studio", "preset": preset})
    work_off(service)


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def to_json(value: object) -> bytes:

    return json.dumps(value).encode()


def toy_archive(config: dict[str, object] | None = None) -> bytes:
    """A cascade archive as far as farm/ looks into one."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("cascade.json", to_json(config or CASCADE))
        archive.writestr("0-base.safetensors", b"weights")
    return file.getvalue()


def work_of(claim: Claim, service: Service, bad: tuple[int, ...] = ()) -> tuple[Progress, Outcome]:
    """What a worker would report of a claim at its end; its objects are put."""
    match claim.kind:
        case "render":
            return _rendered(claim, service, bad), Outcome()
        case "import" | "assemble":
            return Progress(cursor=claim.hi), Outcome(cascade=_cascade(claim, service.storage))
        case "train":
            return Progress(cursor=claim.hi), Outcome(slice=_slice(claim))
        case "finalise" if claim.spec["kind"] == "curate":
            return Progress(cursor=claim.hi), Outcome(dataset=_dataset(claim))
        case "finalise":
            service.storage.put(keys.contact_sheet(claim.job_id), b"a contact sheet", if_absent=False)
    return Progress(cursor=claim.hi), Outcome()


def _rendered(claim: Claim, service: Service, bad: tuple[int, ...]) -> Progress:
    spec = parse_spec(claim.spec)
    assert isinstance(spec, RenderSpec)
    sizes = sizes_px(service.ledger.cascade(spec.cascade).config)
    rows = []
    for seed in range(claim.cursor, claim.hi):
        made = recipe_for(spec, seed, sizes=sizes)
        recipe, key = made.digest, keys.portrait(made.digest, claim.epoch)
        body = f"portrait {recipe}".encode()
        service.storage.put(key, body)
        if seed not in bad:
            rows.append(
                PortraitRow(
                    recipe=recipe,
                    key=key,
                    sha256=sha(body),
                    size_bytes=len(body),
                    render_class="toy",
                    epoch=claim.epoch,
                    series=made.series,
                    latent_seed=made.latent_seed,
                    noise_seed=made.noise_seed,
                )
            )
    failures = tuple(
        FailedUnit(unit=seed, error=f"seed {seed} is bad") for seed in bad if claim.cursor <= seed < claim.hi
    )
    return Progress(cursor=claim.hi, portraits=tuple(rows), failures=failures)


def _cascade(claim: Claim, storage: Storage) -> CascadeRow:
    storage.put(keys.cascade(DIGEST) + "cascade.json", to_json(CASCADE))
    storage.put(keys.cascade(DIGEST) + "0-base.safetensors", b"weights")
    return CascadeRow(digest=DIGEST, name=claim.spec["cascade"], version=0, config=CASCADE)


def _slice(claim: Claim) -> Slice:
    return Slice(
        run=claim.spec["run"],
        start_nimg=claim.cursor,
        end_nimg=claim.hi,
        attempt=claim.attempt,
        checkpoint_prefix=keys.checkpoint(claim.spec["run"], claim.cursor, claim.attempt),
        metrics={"loss": 1.0},
    )


def _dataset(claim: Claim) -> Dataset:
    name, version = claim.spec["dataset"], claim.spec["version"]
    return Dataset(
        name=name,
        version=version,
        manifest_key=keys.dataset_manifest(name, version),
        manifest_sha256="0" * 64,
        kept=claim.spec["photos"],
        dropped=0,
        job_id=claim.job_id,
    )
