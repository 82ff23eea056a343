/// A variable of the event loop's, in memory of its own. The same as a stored property, without the check at each access
/// that no other overlaps it: that costs more than most accesses, and one thread uses it in short statements only.
@safe
struct LoopOwned<Value>: ~Copyable {
    private let pointer: UnsafeMutablePointer<Value>

    init(_ value: Value) {
        unsafe pointer = .allocate(capacity: 1)
        unsafe pointer.initialize(to: value)
    }

    deinit {
        unsafe pointer.deinitialize(count: 1)
        unsafe pointer.deallocate()
    }

    var value: Value {
        @inline(__always)
        _read { yield unsafe pointer.pointee }
        @inline(__always)
        nonmutating _modify { yield unsafe &pointer.pointee }
    }
}
