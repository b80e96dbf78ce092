"""Native objects among processes and threads: forks, pickles, and the end of the program."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.errors import InferenceError, InvalidInputError
from fiqx_trt.runtime import open_session
from runtime.small_nets import images, residual_net
from support.forks import in_fork

BACKENDS = ["openvino", "onnxruntime", "torch"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_is_told_to_spawn(backend: str) -> None:
    with open_session(residual_net(), backend=backend) as session:
        before = session.run({"image": images(2)})

        def run() -> str:
            try:
                session.run({"image": images(2)})
            except InferenceError as error:
                session.close()
                return str(error)
            return "it ran"

        told = in_fork(run)
        assert f"opened in process {os.getpid()} and does not work in a fork of it" in told
        assert "multiprocessing.get_context('spawn')" in told
        for name, value in session.run({"image": images(2)}).items():
            np.testing.assert_array_equal(value, before[name])


def test_an_open_model_or_session_says_what_to_send_instead() -> None:
    with open_session(residual_net(), backend="openvino") as session, fx.load_model() as model:
        with pytest.raises(InvalidInputError, match="this openvino session cannot be pickled or copied"):
            pickle.dumps(session)
        with pytest.raises(InvalidInputError, match="Send the model's name or path, and open it in each"):
            pickle.dumps(model)


DAEMON = """
import threading, time
import numpy as np
from fiqx_trt import kernels
from fiqx_trt.runtime import open_session
from runtime.small_nets import images, residual_net
from support.forks import in_fork

rows = images(64)
embeddings = np.random.default_rng(0).standard_normal((64, 100, 128)).astype(np.float32)
{setup}

def work():
    while True:
        begun.set()
        {call}

begun = threading.Event()
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
time.sleep(0.05)
"""


@pytest.mark.parametrize("what", [*BACKENDS, "kernels", "opening"])
def test_a_daemon_thread_does_not_abort_the_end_of_the_program(what: str) -> None:
    setup, call = f"session = open_session(residual_net(), backend='{what}')", "session.run({'image': rows})"
    if what == "kernels":
        setup, call = "", "kernels.pair_spread(embeddings)"
    elif what == "opening":
        setup, call = "", "open_session(residual_net(), backend='openvino', max_batch=1, threads=1).close()"
    code = textwrap.dedent(DAEMON).replace("{setup}", setup).replace("{call}", call)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, env=environment
    )
    assert (result.returncode, result.stderr) == (0, "")
