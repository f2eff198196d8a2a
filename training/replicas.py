"""The devices that train a run together: one, several of one machine, or of several machines."""

import numpy as np

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
        working gather.

        Args:
          rows: float32 [B, ...], of the replica.
          index: int, of the replica.

        Returns:
          float32 [N * B, ...], the same on each replica.
        """
        if self.count == 1:
            return rows
        size = rows.shape.as_list()[0]
        before, after = index * size, (self.count - 1 - index) * size
        padded = tf.pad(rows, [[before, after]] + [[0, 0]] * (rows.shape.ndims - 1))
        return self._all_reduce(tf.distribute.ReduceOp.SUM, padded)

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
        # other replicas; none of these values needs a gradient.
        return tf.distribute.get_replica_context().all_reduce(how, tf.stop_gradient(value))

    def open_session(self):
        """A tf.Session of the default graph on these devices."""
        if self._cluster is None:
            return open_session(self._gpu, self._precision, self._xla)
        config = session_config(self._gpu, self._precision, self._xla)
        config = self.strategy.update_config_proto(config)
        server = tf.distribute.Server(
            self._cluster.jobs, self._cluster.job, self._cluster.index, "grpc", config
        )
        return tf.Session(server.target, config=config)
