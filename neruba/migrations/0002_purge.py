"""The table whose one row silences the append-only triggers; unmanaged, so that a flush leaves it alone."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("neruba", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "CREATE TABLE neruba_purge (id INTEGER NOT NULL PRIMARY KEY)", "DROP TABLE neruba_purge"
        )
    ]
