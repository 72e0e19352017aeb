"""The trainer's app. It is apart from `streams.app` because river takes seconds to load, and workers never learn."""

from typing import Any

from streams.app import batches_of, connection_of, faust_options
from streams.batches import BatchScheduler
from streams.faust_overrides import ShellApp
from streams.findings_log import AddressedSender, FindingsLog
from streams.identities import store_identity_of
from streams.keys import load_signing_key
from streams.metrics import Metrics
from streams.observing import add_views
from streams.recommend_view import add_recommend_view
from streams.recommendations_log import RecommendationsLog
from streams.recovery import Recovery
from streams.settings import Settings
from streams.topics import topic_name, trainer_group
from streams.trainer import CheckpointFile, Outlets, TrainerShell
from streams.weights_log import FanOut, WeightsLog
from streams.writers import RecordWriter

# An example takes 100 us and more to learn, and a batch of them should not hold up a heartbeat.
_BATCH_RECORDS = 500


def build_trainer(settings: Settings, metrics: Metrics) -> ShellApp:
    """Build the trainer's app: the examples topic, no table."""
    connection = connection_of(settings)
    writer = RecordWriter(connection)
    key = load_signing_key(settings.signing_key_file)
    actions = topic_name(settings, "actions")

    def new_recovery(app: ShellApp, **service: Any) -> Recovery:  # noqa: ANN401 - Faust's
        return Recovery(
            app,
            connection=connection,
            identity=store_identity_of(settings, "examples"),
            prepare=shell.prepare,
            release=shell.release,
            table=lambda: None,
            **service,
        )

    options = faust_options(settings)
    options["ConsumerScheduler"] = lambda: BatchScheduler(_BATCH_RECORDS, settings.batch_max_bytes)
    app = ShellApp(trainer_group(settings), new_recovery=new_recovery, on_drained=writer.stop, **options)
    shell = TrainerShell(
        app,
        identity=store_identity_of(settings, "examples"),
        checkpoints=CheckpointFile(settings.data_dir),
        outlets=Outlets(
            weights=WeightsLog(topic_name(settings, "weights"), connection, writer),
            fan_out=FanOut(actions, settings.partitions, key, writer),
            findings=FindingsLog(
                topic_name(settings, "findings"), connection, writer, AddressedSender(actions, key, writer)
            ),
            recommendations=RecommendationsLog(topic_name(settings, "recommendations"), writer),
        ),
        metrics=metrics,
    )
    app.agent(batches_of(app, topic_name(settings, "examples")), name="trainer", concurrency=1)(shell.run)
    add_views(app, metrics)
    add_recommend_view(app, shell.recommend)
    return app
