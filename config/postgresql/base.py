"""The backend that `DATABASES` names."""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Django asks the server `SELECT 1` before each request; the socket knows as well.

    A server that ends a connection says so and closes it, so an idle connection with
    something to read is at its end. That saves one of the six answers that the write of
    a training run waits for.
    """

    def is_usable(self) -> bool:
        if self.connection is None or self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0)
