"""Runs the checks of everything that an operator deploys with. See run.sh."""

import argparse
import pathlib
import sys

import ground

# Importing a page declares its checks, in this order.
import scripts  # noqa: F401
import image  # noqa: F401
import telemetry  # noqa: F401
import chart  # noqa: F401


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--tools", type=pathlib.Path, required=True)
    arguments.add_argument("--crds", default="", help="folders of CustomResourceDefinitions, with colons between")
    asked = arguments.parse_args()
    ground.Tools.at = asked.tools
    ground.Tools.beside = pathlib.Path(sys.executable).parent
    ground.Tools.crds = [pathlib.Path(folder) for folder in asked.crds.split(":") if folder]
    return ground.run_all()


if __name__ == "__main__":
    sys.exit(main())
