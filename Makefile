# make run: see the loop close.  make test: everything that must hold.  Both set up what they need.
SHELL := /bin/bash
.PHONY: setup run test lint bench clean
ENV := set +u; . ros2_ws/install/setup.bash

test lint: export WIW_TESTS := 1  # set up what only tests need, too

setup:
	@bash tools/setup.sh

run: setup
	@.venv/bin/wiw run $(ARGS)

lint: setup
	@$(ENV); ruff format --check . && ruff check . && mypy wiw_core/wiw_core wiw_learn/wiw_learn wiw_ros/wiw_ros && \
	mypy wiw_env_bridge/wiw_env_bridge wiw_wm_node/wiw_wm_node wiw_planner_node/wiw_planner_node launch/wiw && lint-imports && \
	python tools/check_tree.py

test: lint
	@$(ENV); export ROS_PYTHON_CHECK_FIELDS=1 MUJOCO_GL=$${MUJOCO_GL:-egl}; python -m pytest $(ARGS)

bench: setup
	@$(ENV); for b in benchmarks/*.py; do python $$b || exit 1; done

clean:
	rm -rf .venv ros2_ws/build ros2_ws/install ros2_ws/log
