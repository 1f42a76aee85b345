"""What upstream and downstream teams use: publish activities, follow their outcomes, read results.

```python
connection = Connection(bootstrap_servers="kafka:9092", registry_url="http://registry:8081")
with ActivityPublisher(connection, source="/my-service") as publisher:
    receipt = publisher.send(activity).result()
for result in ResultSubscriber(connection, group_id="my-service"):
    ...
```
"""

from streamproc.client.connection import Connection
from streamproc.client.corrections import CorrectionPublisher
from streamproc.client.outcomes import Outcome, OutcomeFollower, Rejection
from streamproc.client.progress import forget_progress, forget_progress_async, read_progress, read_progress_async
from streamproc.client.publisher import ActivityPublisher
from streamproc.client.publishing import Receipt
from streamproc.client.subscriber import ResultSubscriber, ResultSubscriberV2
from streamproc.contracts.corrections import overrule
from streamproc.contracts.generated.events import (
    Activity,
    Audio,
    Codec,
    JudgedBy,
    Phrase,
    PhraseStatus,
    ReferenceWord,
    Result,
    ResultStatus,
    Verdict,
)
from streamproc.contracts.generated.events_correction import Correction
from streamproc.contracts.generated.events_progress import Progress
from streamproc.contracts.synthetic import TENANT as SYNTHETIC_TENANT
from streamproc.errors import ErrorCode, StreamprocError

__all__ = [
    "SYNTHETIC_TENANT",
    "Activity",
    "ActivityPublisher",
    "Audio",
    "Codec",
    "Connection",
    "Correction",
    "CorrectionPublisher",
    "ErrorCode",
    "JudgedBy",
    "Outcome",
    "OutcomeFollower",
    "Phrase",
    "PhraseStatus",
    "Progress",
    "Receipt",
    "ReferenceWord",
    "Rejection",
    "Result",
    "ResultStatus",
    "ResultSubscriber",
    "ResultSubscriberV2",
    "StreamprocError",
    "Verdict",
    "forget_progress",
    "forget_progress_async",
    "overrule",
    "read_progress",
    "read_progress_async",
]
