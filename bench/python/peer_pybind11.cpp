// pybind11 with shared pointers.
#include <memory>
#include <thread>
#include <pybind11/pybind11.h>

namespace py = pybind11;

struct Inner {
    explicit Inner(long val) : val(val) {}
    long val;
};

struct Outer {
    explicit Outer(std::shared_ptr<Inner> x) : x(std::move(x)) {}
    std::shared_ptr<Inner> x;
};

// What `holds.py` asks of: a Python object in a field, and a reference that is dropped on a thread of C++'s.
struct Holder {
    py::object callback = py::none();
};

static std::shared_ptr<Inner> held;

PYBIND11_MODULE(peer_pybind11, m, py::mod_gil_not_used()) {
    py::class_<Inner, std::shared_ptr<Inner>>(m, "Inner").def(py::init<long>()).def_readonly("val", &Inner::val);
    py::class_<Outer, std::shared_ptr<Outer>>(m, "Outer")
        .def(py::init<std::shared_ptr<Inner>>())
        .def_readonly("x", &Outer::x);
    m.def("echo", [](std::shared_ptr<Inner> inner) { return inner; });
    py::class_<Holder, std::shared_ptr<Holder>>(m, "Holder")
        .def(py::init<>())
        .def_readwrite("callback", &Holder::callback);
    m.def("hold", [](std::shared_ptr<Inner> inner) { held = std::move(inner); });
    m.def("drop_on_thread", [] { std::thread([last = std::move(held)]() mutable { last.reset(); }).join(); });
    m.def("make", [](long val) { return std::make_shared<Outer>(std::make_shared<Inner>(val)); });
}
