"""What events, outcomes, changelogs and tables say of the same counters and accounts, read as downstream reads."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.committed_topic import CommittedTopic

from chaos.state.worker import BALANCE

#: A table's key, for the events of a partition.
Place = tuple[int, str]


@dataclass
class StateJudgement:
    """What is wrong."""

    #: Counters and accounts that are not what their events make of them: in the table, its changelog or the output.
    miscounted: int = 0
    #: Numbers that no outcome of a counter shows.
    gaps: int = 0
    #: Numbers that several show; and outcomes beyond one an event.
    repeats: int = 0
    #: Sums of accounts that are not kept, or accounts below nothing.
    torn: int = 0
    #: With at_least_once: how often events were counted more than once, which is not wrong.
    counted_again: int = 0

    def add(self, other: StateJudgement) -> None:
        """Both together."""
        self.miscounted += other.miscounted
        self.gaps += other.gaps
        self.repeats += other.repeats
        self.torn += other.torn
        self.counted_again += other.counted_again

    def __bool__(self) -> bool:
        return any((self.miscounted, self.gaps, self.repeats, self.torn))


class StateJudge:
    """Keeps what was read."""

    def __init__(self, bootstrap: str, source: str, sink: str, group: str, partitions: int) -> None:
        self.partitions = partitions
        #: What events make of counters, and how many there are.
        self.expected: Counter[Place] = Counter()
        self.shown: defaultdict[Place, Counter[int]] = defaultdict(Counter)
        self.balances: Counter[Place] = Counter()
        self.tables: dict[int, dict[str, dict[str, int]]] = {}
        self.changelogs: dict[str, dict[Place, int]] = {"counts": {}, "accounts": {}}
        self._again = 0
        self.events = CommittedTopic(bootstrap, source, partitions, self._event)
        self.outcomes = CommittedTopic(bootstrap, sink, partitions, self._outcome)
        self._changelogs = [
            CommittedTopic(bootstrap, f"{group}-{table}-changelog", partitions, self._changed(found))
            for table, found in self.changelogs.items()
        ]

    def wait(self, published: int, seconds: float, alive: Callable[[], None]) -> bool:
        """Until each of so many events has an outcome; False: they do not come in time."""
        deadline = time.monotonic() + seconds
        while self.events.count < published or self.outcomes.count < published:
            self.events.read(0.1)
            self.outcomes.read(0.2)
            if time.monotonic() > deadline:
                return False
            alive()
        return True

    def wait_quiet(self, seconds: float, alive: Callable[[], None]) -> None:
        """Until no outcome has come for so long: some events have several, so that their number says nothing."""
        quiet, before = time.monotonic() + seconds, -1
        while time.monotonic() < quiet:
            self.outcomes.read(0.2)
            alive()
            if self.outcomes.count > before:
                quiet, before = time.monotonic() + seconds, self.outcomes.count

    def _read_on(self) -> None:
        for _ in range(2):
            for topic in (self.events, self.outcomes, *self._changelogs):
                while topic.read(0.5):  # to the end
                    pass

    def judge_at_least_once(self) -> StateJudgement:
        """Compare what must be so without transactions: nobody is counted less often than there were events."""
        self._read_on()
        found = StateJudgement()
        for place, number in self.expected.items():
            table = self.tables.get(place[0], {}).get("counts", {}).get(place[1], 0)
            found.miscounted += not number <= table == self.changelogs["counts"].get(place)
            found.counted_again += max(0, table - number)
        found.counted_again, self._again = found.counted_again - self._again, found.counted_again
        found.miscounted += len(self.shown.keys() - self.expected.keys())
        return found

    def judge(self) -> StateJudgement:
        """Compare all, once nothing is under way and each partition was asked to show its tables."""
        self._read_on()
        found = StateJudgement()
        for place, number in self.expected.items():
            shown = self.shown[place]
            found.gaps += sum(1 for one in range(1, number + 1) if one not in shown)
            found.repeats += sum(times - 1 for times in shown.values())
            table = self.tables.get(place[0], {}).get("counts", {}).get(place[1])
            agree = max(shown, default=0) == table == self.changelogs["counts"].get(place) == number
            found.miscounted += not agree
        found.miscounted += len(self.shown.keys() - self.expected.keys())
        found.repeats += max(0, self.outcomes.count - self.events.count)
        self._judge_accounts(found)
        return found

    def _judge_accounts(self, found: StateJudgement) -> None:
        for partition in range(self.partitions):
            table = self.tables.get(partition, {}).get("accounts", {})
            log = {key: value for (of, key), value in self.changelogs["accounts"].items() if of == partition}
            for account in table.keys() | log.keys():
                now = BALANCE + self.balances[partition, account]
                found.miscounted += not now == table.get(account, BALANCE) == log.get(account, BALANCE)
            for one in (table, log):
                found.torn += sum(one.values()) != BALANCE * len(one)
                found.torn += sum(1 for balance in one.values() if balance < 0)

    def close(self) -> None:
        """Let go of the connections."""
        for topic in (self.events, self.outcomes, *self._changelogs):
            topic.close()

    def _event(self, message: Any) -> None:
        what, *more = message.value().decode().split()
        if what == "count":
            self.expected[message.partition(), more[0]] += 1

    def _outcome(self, message: Any) -> None:
        partition = message.partition()
        what, *more = message.key().decode().split()
        match what:
            case "count":
                self.shown[partition, more[0]][int(message.value())] += 1
            case "move":
                self.balances[partition, more[0]] -= int(message.value())
                self.balances[partition, more[1]] += int(message.value())
            case _:
                self.tables[partition] = json.loads(message.value())

    @staticmethod
    def _changed(found: dict[Place, int]) -> Callable[[Any], None]:
        def changed(message: Any) -> None:
            found[message.partition(), json.loads(message.key())] = json.loads(message.value())

        return changed
