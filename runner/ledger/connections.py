"""The connections of one process to its ledger, which its threads share."""

from sqlalchemy import PoolProxiedConnection, QueuePool, exc

from runner.errors import LedgerUnavailableError


class Connections(QueuePool):
    """Waits only so long for a connection that another thread has."""

    def connect(self) -> PoolProxiedConnection:
        """Raises LedgerUnavailableError: what has to be recorded is tried again then, as where the database
        does not answer.
        """
        try:
            return super().connect()
        except exc.TimeoutError:
            raise LedgerUnavailableError(
                "the ledger cannot be used: it does not answer those who asked before",
                hint="see what keeps the database busy; run `runner doctor`",
            ) from None
