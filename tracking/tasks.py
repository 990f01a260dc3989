"""Celery tasks of tracking: doors, one line each."""

from celery import shared_task

from tracking.services import role_grants, sealing


@shared_task(name="tracking.put_roles_into_effect")
def put_roles_into_effect() -> None:
    role_grants.put_roles_into_effect()


@shared_task(name="tracking.seal_what_was_written_to")
def seal_what_was_written_to() -> None:
    sealing.seal_what_was_written_to()
