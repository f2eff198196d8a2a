"""The devices that train a run together: one, several of one machine, or of several machines."""

import numpy as np

from utils.errors import UserError
from utils.tf1 import (
    mirrored_strategy,
    multi_worker_strategy,
    open_session,
    run_on_replicas,
    session_config,
    tf,
)

_MOST_SIGNALS = 65


class Replicas:
    """A tf.distribute strategy and this process's place in it.

    Attributes:
      count: int, N, the number of replicas over all processes.
      local: range, the indices of this process's replicas.
      is_chief: bool, whether this process writes the run folder.
    """

    def __init__(self, gpu="-1", cluster=None, precision="float32", xla=False):
        """Sets up the strategy.

        Args:
          gpu: str, the devices of this machine, see `utils.tf1.session_config`.
          cluster: config.cluster.Cluster, the machines; None for this one alone. Several machines
            need a process without TensorFlow ops so far.
          precision: str, see `utils.tf1.session_config`.
          xla: bool, likewise.

        Raises:
          UserError: there is no such device.
        """
        self._gpu, self._cluster = gpu, cluster
        self._precision, self._xla = precision, xla
        if cluster is not None:
            self.strategy, self._gpu = multi_worker_strategy(gpu)
        elif "," in gpu:
            self.strategy = mirrored_strategy(gpu)
        else:
            self.strategy = tf.distribute.get_strategy()
        self.count = self.strategy.num_replicas_in_sync
        workers, rank = (1, 0) if cluster is None else (len(cluster.addresses), cluster.rank)
        per_worker = self.count // workers
        self.local = range(rank * per_worker, (rank + 1) * per_worker)
        self.is_chief = rank == 0

    def run(self, function):
        """Builds a part of the graph once for each replica of this process.

        Args:
          function: function of the replica's index (int, over all processes) to anything.

        Returns:
          list of its results, in the order of `local`.
        """
        results = {}

        def build():
            found = tf.distribute.get_replica_context().replica_id_in_sync_group
            found = found if isinstance(found, int) else tf.get_static_value(found)
            # TensorFlow 1.15 counts from 0 in each process.
            index = self.local[int(found) % len(self.local)]
            results[index] = function(index)

        run_on_replicas(self.strategy, build)
        return [results[index] for index in self.local]

    def gather(self, rows, index):
        """Joins rows of all replicas; called for each replica, inside `run`.

        Every replica pads its rows with zeros and all are added up, as TensorFlow 1.15 has no
        working gather; in one piece, as every exchange has its price.

        Args:
          rows: dict from name to float32 or int32 (exact up to 2**24) [B] or [B, n], of the
            replica.
          index: int, of the replica.

        Returns:
          dict from name to tensor [N * B] or [N * B, n], the same on each replica; those of
          several replicas have no gradient.
        """
        if self.count == 1:
            return rows
        columns = [
            tf.cast(v if v.shape.ndims > 1 else v[:, tf.newaxis], tf.float32) for v in rows.values()
        ]
        joined = tf.concat(columns, axis=1)
        size = joined.shape.as_list()[0]
        places = [[index * size, (self.count - 1 - index) * size], [0, 0]]
        whole = self._all_reduce(tf.distribute.ReduceOp.SUM, tf.pad(joined, places))
        parts = tf.split(whole, [column.shape.as_list()[1] for column in columns], axis=1)
        return {
            name: tf.cast(tf.reshape(part, [-1] + v.shape.as_list()[1:]), v.dtype)
            for part, (name, v) in zip(parts, rows.items())
        }

    def mean(self, terms):
        """Averages scalars over all replicas; called for each replica, inside `run`.

        Args:
          terms: dict from name to float32 [].

        Returns:
          dict from name to float32 [], the same on each replica.
        """
        if self.count == 1:
            return terms
        means = self._all_reduce(tf.distribute.ReduceOp.MEAN, tf.stack(list(terms.values())))
        return dict(zip(terms, tf.unstack(means)))

    def own_copies(self, variables):
        """This process's first copy of each variable: dict from name to tf.Variable.

        Reading or saving these waits for no other process.
        """
        copies = self.strategy.experimental_local_results
        return {variable.op.name: copies(variable)[0] for variable in variables}

    def average_statistics(self, variables):
        """The op that gives all replicas the mean of their batch-normalisation statistics.

        Each replica updates its own, as TensorFlow's layer has it.
        """
        moving = [v for v in variables if "/moving_" in v.name] if self.count > 1 else []
        return tf.group(*[v.assign(v.read_value()) for v in moving])

    def build_vote(self):
        """Adds the ops of `agree` to the graph."""
        if self._cluster is None:
            return
        self._own_vote = tf.placeholder(tf.float32, [_MOST_SIGNALS], name="own_vote")
        self._votes = self.run(
            lambda _: self._all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(self._own_vote))
        )[0]

    def agree(self, session, number):
        """Waits for all processes, and finds a number that one of them has.

        Args:
          session: tf.Session, of `open_session`.
          number: int from 0 to 64, or None.

        Returns:
          int or None: the smallest number that a process has, the same in all of them.
        """
        if self._cluster is None:
            return number
        own = np.zeros([_MOST_SIGNALS], np.float32)
        own[[] if number is None else number] = 1
        found = np.flatnonzero(session.run(self._votes, {self._own_vote: own}))
        return int(found[0]) if len(found) else None

    def _all_reduce(self, how, value):
        # TensorFlow 2.21 looks for the variables that a value depends on, and misses those of
        # other replicas; none of these values needs a gradient, in or out.
        replica = tf.distribute.get_replica_context()
        return tf.stop_gradient(replica.all_reduce(how, tf.stop_gradient(value)))

    def open_session(self):
        """A tf.Session of the default graph on these devices.

        Raises:
          UserError: the process can't listen at its address.
        """
        if self._cluster is None:
            return open_session(self._gpu, self._precision, self._xla)
        config = session_config(self._gpu, self._precision, self._xla)
        config = self.strategy.update_config_proto(config)
        jobs, job, index = self._cluster.jobs, self._cluster.job, self._cluster.index
        try:
            server = tf.distribute.Server(jobs, job, index, "grpc", config)
        except tf.errors.OpError:
            address = self._cluster.addresses[self._cluster.rank]
            raise UserError(
                f"this process can't listen at {address} of TF_CONFIG; end what uses the port, or"
                " choose another"
            ) from None
        return tf.Session(server.target, config=config)
