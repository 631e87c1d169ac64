"""CloudEvents in the structured and the batched JSON form."""

from neruba.api.parsers import StrictJSONParser

CLOUD_EVENT = "application/cloudevents+json"
CLOUD_EVENT_BATCH = "application/cloudevents-batch+json"


class CloudEventParser(StrictJSONParser):
    media_type = CLOUD_EVENT


class CloudEventBatchParser(StrictJSONParser):
    media_type = CLOUD_EVENT_BATCH
