"""What a running job reports to: MLflow's REST and the in-job `azureml.core`, over a workspace."""
