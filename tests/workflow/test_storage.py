"""Acquisitions within a bound: what is removed, what stays, and a whole run whose folder is watched meanwhile."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from builders import bounded_country, national
from builders.bounded_country import SIZE
from builders.demo import ROOT
from builders.plans import dry_run, finish
from workflow_lists import ONE_SCENE  # noqa: F401

pytestmark = pytest.mark.timeout(900)
