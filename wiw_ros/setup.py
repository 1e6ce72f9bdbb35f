from setuptools import find_packages, setup

setup(
    name="wiw_ros",
    version="0.1.0",
    description="What the WIW nodes share: managed node, conversions, parameters, QoS.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    package_data={"wiw_ros": ["**/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/wiw_ros"]),
        ("share/wiw_ros", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={},
)
