// nanobind with intrusive counts: the peer whose objects know their wrapper.
#include <thread>
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

// What `holds.py` asks of: a Python object in a field, and a reference that is dropped on a thread of C++'s.
struct Holder : nb::intrusive_base {
    nb::object callback;
};

static nb::ref<Inner> held;

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
    nb::class_<Holder, nb::intrusive_base>(m, "Holder")
        .def(nb::init<>())
        .def_rw("callback", &Holder::callback, nb::arg("callback").none());
    m.def("hold", [](nb::ref<Inner> inner) { held = std::move(inner); });
    m.def("drop_on_thread", [] { std::thread([last = std::move(held)]() mutable { last.reset(); }).join(); });
    m.def("make", [](long val) { return nb::ref<Outer>(new Outer(nb::ref<Inner>(new Inner(val)))); });
}
