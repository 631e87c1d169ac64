from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0006_coupons'),
    ]

    operations = [
        migrations.AddField(
            model_name='planversion',
            name='minimum_commitment_minor',
            field=models.BigIntegerField(blank=True, help_text='What each of its periods comes to at least.', null=True),
        ),
    ]
