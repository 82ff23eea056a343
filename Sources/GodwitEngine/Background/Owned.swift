/// A variable in memory of its own, which one party at a time uses by rules that its owner states: under a lock, or
/// handed from one thread to the next. The same as a stored property, without the check at each access that no other
/// overlaps it, which costs more than most accesses.
@safe
package struct Owned<Value>: ~Copyable {
    private let pointer: UnsafeMutablePointer<Value>

    package init(_ value: Value) {
        unsafe pointer = .allocate(capacity: 1)
        unsafe pointer.initialize(to: value)
    }

    deinit {
        unsafe pointer.deinitialize(count: 1)
        unsafe pointer.deallocate()
    }

    package var value: Value {
        @inline(__always)
        _read { yield unsafe pointer.pointee }
        @inline(__always)
        nonmutating _modify { yield unsafe &pointer.pointee }
    }
}
