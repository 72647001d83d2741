"""One Python worker of Beam, as --environment_type=PROCESS starts them: in a folder of its own, with no container."""

import argparse
import os
import tempfile

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from apache_beam.runners.worker.sdk_worker import SdkHarness
from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor

parser = argparse.ArgumentParser()
parser.add_argument('--id', required=True)
parser.add_argument('--provision_endpoint', required=True)
args, _ = parser.parse_known_args()  # what else is given is for installing packages

folder = tempfile.mkdtemp()
os.chdir(folder)
os.environ.update(HOME=folder, TMPDIR=folder)

channel = grpc.intercept_channel(grpc.insecure_channel(args.provision_endpoint), WorkerIdInterceptor(args.id))
provision = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
info = provision.GetProvisionInfo(beam_provision_api_pb2.GetProvisionInfoRequest()).info
SdkHarness(info.control_endpoint.url, worker_id=args.id).run()
