from toolkit import resources


def test_what_is_not_python_is_found() -> None:
    assert (resources.templates() / "image/environment.Dockerfile.j2").is_file()
    assert (resources.dockerfiles() / "base/Dockerfile").is_file()


def test_the_runtime_is_found() -> None:
    assert (resources.runtime() / "gunicorn_conf.py").is_file()
