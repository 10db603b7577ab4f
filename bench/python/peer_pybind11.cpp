// pybind11 with shared pointers.
#include <memory>
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

PYBIND11_MODULE(peer_pybind11, m) {
    py::class_<Inner, std::shared_ptr<Inner>>(m, "Inner").def(py::init<long>()).def_readonly("val", &Inner::val);
    py::class_<Outer, std::shared_ptr<Outer>>(m, "Outer")
        .def(py::init<std::shared_ptr<Inner>>())
        .def_readonly("x", &Outer::x);
    m.def("echo", [](std::shared_ptr<Inner> inner) { return inner; });
    m.def("make", [](long val) { return std::make_shared<Outer>(std::make_shared<Inner>(val)); });
}
