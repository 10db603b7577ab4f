"""One wheel a platform, for every version of Python: the library in it has no Python in it."""

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel


class AnyPython(bdist_wheel):
    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


class WithLibrary(Distribution):
    def has_ext_modules(self):
        return True  # of this platform, not of any


setup(cmdclass={"bdist_wheel": AnyPython}, distclass=WithLibrary)
