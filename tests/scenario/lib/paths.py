"""Where things are. Each path can be set by the environment, so that a test runs from any folder."""
import os

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
BUILD = os.path.abspath(os.environ.get("CAISSON_BUILD") or os.path.join(SOURCE, "build"))
GUEST = os.path.abspath(os.environ.get("CAISSON_GUEST") or os.path.join(BUILD, "guest"))
CAISSON = os.path.abspath(os.environ.get("CAISSON") or os.path.join(BUILD, "caisson"))
IMAGES = os.path.join(BUILD, "images")
DISKS = os.path.join(BUILD, "disks")
BUILD_IMAGES = os.path.join(SOURCE, "tests/images/build")
