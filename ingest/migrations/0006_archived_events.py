import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A nullable column without a default, which MariaDB and MySQL add without touching the rows."""

    dependencies = [
        ("ingest", "0005_archive"),
    ]

    operations = [
        migrations.AddField(
            model_name="usageevent",
            name="archive",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                help_text="Where its data rests.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="ingest.eventarchive",
            ),
        ),
        migrations.AlterField(
            model_name="usageevent",
            name="data",
            field=models.TextField(
                help_text="Canonical JSON; empty while it rests in an archive."
            ),
        ),
    ]
