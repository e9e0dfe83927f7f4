"""The operator's console (Django's admin with django-unfold), the settings that change while the hub runs, the numbers
for monitoring. Nothing in it is part of the protocol.
"""
