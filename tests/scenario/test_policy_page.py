#!/usr/bin/python3
"""docs/policy.md, block by block, as a newcomer types it; what it shows as output is what comes."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from lib import paths, tap
from lib.oci import Image

RUN = {"Entrypoint": ["/bin/server"], "Cmd": ["--port", "8080"], "Env": ["PATH=/bin"], "WorkingDir": "/srv", "User": "1000"}


class Page(unittest.TestCase):
    def test_the_commands_of_the_page(self):
        with open(os.path.join(paths.SOURCE, "docs/policy.md"), encoding="utf-8") as file:
            page = file.read()
        blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        self.assertGreaterEqual(len(blocks), 11)
        folder = tempfile.mkdtemp(prefix="caisson-page-")
        self.addCleanup(shutil.rmtree, folder)
        Image(seed=3, run=RUN).write_layout(os.path.join(folder, "app"))
        script = "set -eu -o pipefail\n" + "".join(
            re.sub(r"^! (.*?)( +#.*)?$", r"if \1; then exit 9; else test $? = 1; fi", block, flags=re.MULTILINE) for block in blocks)
        environment = dict(os.environ, PATH=os.path.dirname(paths.CAISSON) + ":" + os.environ["PATH"],
                           CAISSON_HOME=os.path.join(folder, "home"))
        result = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False,
                                timeout=60)
        self.assertEqual(result.returncode, 0, result.stdout[-2000:] + result.stderr)
        shown = re.findall(r'^    ((?:oci:app:|container #0|container "oci:app"|  command|  user).*)$', page, re.MULTILINE)
        self.assertGreaterEqual(len(shown), 7)
        for line in shown:
            self.assertIn(line + "\n", result.stdout)
        self.assertIn("\n2\n", result.stdout)  # the annotation, and the comment that stays
        self.assertIn("ACCEPTED", result.stdout)
        self.assertIn("svn: it is 5, at least 6 is wanted", result.stderr)


if __name__ == "__main__":
    tap.main()
