# make setup   create .venv from requirements.lock and install the project in it (repeating it costs nothing)
# make test    the same if it is missing, then the tests; PYTEST="tests/pipelines -k split" some of them
# make test-cpus   those that must hold on any CPU, as if on several; QUICK=1 on two
# make fuzz    damaged files and odd flags for SECONDS=600, and a table of what came of them; ONLY=midi,abc some kinds
# make kills   commands killed at KILLS=100 moments each, and a table of the harm done; ONLY="train generate" some of them
# make test-engines  convert and create_dataset on Prism, Flink and Spark, on loopback with nothing shared but an S3 server;
#              ENGINES=prism,flink some of them; the parts are fetched (0.9 GB) into build/engines the first time
# make test-stores  convert and create_dataset with paths in S3, Google's store and HDFS, on servers on loopback;
#              STORES=gs,hdfs some of them, ENGINE=flink another engine than Prism; the parts are fetched (0.1 GB)
#              into build/engines the first time
# make demo    the same if it is missing, then the whole road: grooves, dataset, training, new drum tracks
# make studio  the page of the studio, with the demo's model; it is built with npm where its sources are newer
# make lint    style, format and types
# make bench   the benchmarks, on DATA=<folder with drums/groove and melodies>; REFERENCE=<environment of Magenta 2.1.4>
#              beside; ONLY=convert,training measures these stages again and keeps the results of the others;
#              PEERS=<Python with torch, or jax and optax> trains beside these, too
# make benchmark-pianoroll  the models of piano rolls on DATA=<folder of the piano-roll benchmark>, hours; QUICK=1 takes
#              five minutes, ONLY=rnn_rbm:jsb,lstm some of the runs, SECONDS=600 shorter ones, JOBS=2 two side by side
# make lock    choose all versions anew
# make clean   remove what these commands made
#
# PYTHON=<interpreter> is the Python to build .venv with: 3.11, 3.12 or 3.13.
# TENSORFLOW=tensorflow or tensorflow-cpu: the latter, which is smaller, is taken where no NVIDIA GPU is seen.
# VENV=build/other is another folder than .venv to do all of this with.

VENV ?= .venv
export PYTHON TENSORFLOW VENV REFERENCE

# Commands that call one another find those of the environment first.
IN_VENV := PATH="$(abspath $(VENV))/bin:$$PATH"

.PHONY: setup test test-cpus test-engines test-stores fuzz kills demo studio lint bench benchmark-pianoroll lock clean

setup:
	@bin/setup.sh

test: setup
	$(VENV)/bin/python -m pytest $(PYTEST)

test-cpus: setup
	$(VENV)/bin/python tests/cpus.py $(if $(QUICK),--quick)

test-engines: setup
	$(IN_VENV) python tests/engines/engines.py $(if $(ENGINES),--engines="$(ENGINES)") $(if $(PARTS),--parts="$(PARTS)")

test-stores: setup
	$(IN_VENV) python tests/engines/stores.py $(if $(STORES),--stores="$(STORES)") $(if $(ENGINE),--engine="$(ENGINE)") $(if $(PARTS),--parts="$(PARTS)")

fuzz: setup
	$(VENV)/bin/python -W ignore tests/fuzz/fuzz.py $(if $(SECONDS),--seconds="$(SECONDS)") $(if $(ONLY),--only="$(ONLY)")

kills: setup
	$(IN_VENV) python -W ignore tests/kills/kills.py $(if $(KILLS),--kills="$(KILLS)") $(ONLY)

demo: setup
	@$(IN_VENV) bin/demo.sh

PAGE := pipelines/studio/page

$(PAGE)/dist/index.html: $(wildcard $(PAGE)/src/*.js* $(PAGE)/src/*/*.js* $(PAGE)/public/* $(PAGE)/*.js*)
	@command -v npm >/dev/null || { echo 'error: The page is built with npm. Install Node.js 20 or newer.' >&2; exit 1; }
	cd $(PAGE) && npm ci --no-audit --no-fund && npm run build

demo/drums.mag: | setup
	@echo "The demo makes a model of drums first; that takes some two minutes."
	@$(IN_VENV) bin/demo.sh

studio: setup $(PAGE)/dist/index.html demo/drums.mag
	@$(IN_VENV) solferino_studio --bundle_file=demo/drums.mag --run_dir=demo/run --music=demo/notes.tfrecord

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	MYPYPATH=$(VENV)/types $(VENV)/bin/mypy

bench: setup
	$(IN_VENV) python tests/benchmarks/road.py $(if $(DATA),--data="$(DATA)") \
		$(if $(REFERENCE),--reference="$(REFERENCE)") $(if $(ONLY),--only="$(ONLY)")
	$(if $(PEERS),$(IN_VENV) python tests/benchmarks/peers.py --peers="$(PEERS)")

benchmark-pianoroll: setup
	$(IN_VENV) python tests/benchmarks/pianoroll.py --data="$(DATA)" $(if $(QUICK),--quick) \
		$(if $(ONLY),--only="$(ONLY)") $(if $(SECONDS),--seconds="$(SECONDS)") $(if $(JOBS),--jobs="$(JOBS)")

# The lock must serve Python 3.11, 3.12 and 3.13 alike: uv resolves for all of them at once.
lock: setup
	$(VENV)/bin/python -m venv build/lock
	build/lock/bin/pip install --quiet uv
	build/lock/bin/uv pip compile --quiet --universal --upgrade --fork-strategy=fewest --python-version=3.11 \
		--extra=dev --extra=sound --extra=score --extra=audio --extra=midi --extra=studio --extra=aws --custom-compile-command='make lock' --output-file=requirements.lock setup.py

clean:
	rm -rf $(VENV) build dist demo bench *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find bin hparams models pipelines tests -name __pycache__ -type d -prune -exec rm -rf {} +
