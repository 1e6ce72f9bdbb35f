from glob import glob

from setuptools import find_packages, setup

setup(
    name="wiw",
    version="0.1.0",
    description="WIW: launch files, the wiw command, evaluation and reports.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    package_data={"wiw": ["**/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/wiw"]),
        ("share/wiw", ["package.xml"]),
        ("share/wiw/launch", glob("launch/*.launch.py")),
        ("share/wiw/config", glob("config/*")),
    ],
    install_requires=["setuptools"],
    extras_require={"ray": ["ray>=2.40,<3"], "rerun": ["rerun-sdk>=0.26,<1"]},
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "wiw = wiw.cli:main",
            "wiw_run = wiw.runner:main",
        ],
    },
)
