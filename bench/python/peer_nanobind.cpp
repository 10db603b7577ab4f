// nanobind with intrusive counts: the peer whose objects know their wrapper.
#include <nanobind/nanobind.h>
#include <nanobind/intrusive/counter.h>
#include <nanobind/intrusive/counter.inl>
#include <nanobind/intrusive/ref.h>

namespace nb = nanobind;

struct Inner : nb::intrusive_base {
    explicit Inner(long val) : val(val) {}
    long val;
};

struct Outer : nb::intrusive_base {
    explicit Outer(nb::ref<Inner> x) : x(std::move(x)) {}
    nb::ref<Inner> x;
};

NB_MODULE(peer_nanobind, m) {
    nb::intrusive_init(
        [](PyObject *object) noexcept { nb::gil_scoped_acquire gil; Py_INCREF(object); },
        [](PyObject *object) noexcept { nb::gil_scoped_acquire gil; Py_DECREF(object); });
    nb::class_<nb::intrusive_base>(
        m, "Base",
        nb::intrusive_ptr<nb::intrusive_base>([](nb::intrusive_base *o, PyObject *po) noexcept { o->set_self_py(po); }));
    nb::class_<Inner, nb::intrusive_base>(m, "Inner").def(nb::init<long>()).def_ro("val", &Inner::val);
    nb::class_<Outer, nb::intrusive_base>(m, "Outer").def(nb::init<nb::ref<Inner>>()).def_ro("x", &Outer::x);
    m.def("echo", [](nb::ref<Inner> inner) { return inner; });
    m.def("make", [](long val) { return nb::ref<Outer>(new Outer(nb::ref<Inner>(new Inner(val)))); });
}
