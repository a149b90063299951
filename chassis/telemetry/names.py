"""Every name of a metric, an attribute and a log field of the chassis, once."""

# Metrics.
RPC_SERVER_DURATION = "rpc.server.duration"
RPC_CLIENT_DURATION = "rpc.client.duration"
# Events that wait in the outbox, and messages that wait in the streams, at this moment.
OUTBOX_BACKLOG = "tollbook.outbox.backlog"
CONSUMER_BACKLOG = "tollbook.consumer.backlog"
# From an event's commit to the commit of its effect.
CONSUMER_DELAY = "tollbook.consumer.delay"
CONSUMER_BATCH_SIZE = "tollbook.consumer.batch.size"
DEAD_LETTERS = "tollbook.dead_letters"

# Attributes of metrics and spans.
PARTITION = "tollbook.partition"
EVENT_TYPE = "tollbook.event.type"
RPC_METHOD = "rpc.method"
RPC_CODE = "rpc.grpc.status_code"
SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"

# Fields of a log record.
LOG_TIME = "time"
LOG_LEVEL = "level"
LOG_LOGGER = "logger"
LOG_MESSAGE = "message"
LOG_SERVICE = "service"
LOG_TENANT = "tenant"
LOG_TRACE_ID = "trace_id"
LOG_SPAN_ID = "span_id"
LOG_EXCEPTION = "exception"

# W3C trace context, in the metadata of calls and the headers of events.
TRACEPARENT = "traceparent"
