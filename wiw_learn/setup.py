from setuptools import find_packages, setup

setup(
    name="wiw_learn",
    version="0.1.0",
    description="Datasets, training, weights and measures of the world models, without ROS.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    package_data={"wiw_learn": ["**/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/wiw_learn"]),
        ("share/wiw_learn", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={"wiw.recipes": ["fake = wiw_learn.fakes:FakeRecipe"]},
)
