from django.db import migrations, models

CARRY_OVER = models.BooleanField(
    db_default=False, default=False, help_text="Whether a window begins with what was there."
)
ROUNDING_MODE = models.CharField(
    blank=True, db_default="", default="", help_text="Empty: not rounded.", max_length=8
)
ROUNDING_PLACES = models.SmallIntegerField(db_default=0, default=0)
AGGREGATION = models.CharField(
    help_text="One of those that `ingest.aggregation.registry` names.", max_length=16
)


class Migration(migrations.Migration):
    """Columns with a default of the database's own: the release before goes on writing meters."""

    dependencies = [
        ("ingest", "0006_archived_events"),
    ]

    operations = [
        operation
        for model in ("meter", "historicalmeter")
        for operation in (
            migrations.AddField(model_name=model, name="carry_over", field=CARRY_OVER),
            migrations.AddField(model_name=model, name="rounding_mode", field=ROUNDING_MODE),
            migrations.AddField(model_name=model, name="rounding_places", field=ROUNDING_PLACES),
            migrations.AlterField(model_name=model, name="aggregation", field=AGGREGATION),
        )
    ]
