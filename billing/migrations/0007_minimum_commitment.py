from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0005_invoice_permissions'),
    ]

    operations = [
        migrations.AddField(
            model_name='planversion',
            name='minimum_commitment_minor',
            field=models.BigIntegerField(blank=True, help_text='What each of its periods comes to at least.', null=True),
        ),
    ]
