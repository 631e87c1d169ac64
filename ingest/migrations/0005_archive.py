import django.db.models.deletion
from django.db import migrations, models

import neruba.fields


class Migration(migrations.Migration):
    dependencies = [
        ("ingest", "0004_mark_time"),
        ("neruba", "0003_work_and_news"),
    ]

    operations = [
        migrations.CreateModel(
            name="EventArchive",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file", neruba.fields.IdentifierField(help_text="Its name in the project's folder of archives.", max_length=255)),
                ("sha256", models.CharField(help_text="Of the file's bytes.", max_length=64)),
                ("size", models.BigIntegerField(help_text="In bytes.")),
                ("first_at", models.DateTimeField(help_text="When the earliest of its events happened.")),
                ("last_at", models.DateTimeField(help_text="When the latest of its events happened.")),
                ("events", models.PositiveIntegerField()),
                ("retracted", models.PositiveIntegerField(help_text="Those of them that were taken back by then.")),
                ("checksum", neruba.fields.DigestField(help_text="Sum of the events' content hashes, modulo 2^256.", max_length=32)),
                ("actor", models.CharField(max_length=255)),
                ("made_at", models.DateTimeField(help_text="The project's business time.")),
                ("project", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="neruba.project")),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(fields=("project", "file"), name="ingest_archive_file")
                ],
            },
        ),
    ]
