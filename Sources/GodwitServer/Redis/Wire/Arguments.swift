/// The arguments of one request: places in bytes that the connection, or a queued transaction, keeps. The name of the
/// command is the first.
@safe
final class Arguments {
    @unsafe private var base: UnsafeRawPointer
    private var places: UnsafeMutablePointer<(start: Int, length: Int)>
    private var capacity = 64
    private var used = 0

    init() {
        unsafe base = ByteSlice.empty.base
        unsafe places = .allocate(capacity: 64)
    }

    deinit { unsafe places.deallocate() }

    @inline(__always)
    var count: Int { used }

    func removeAll() { used = 0 }

    /// Adds an argument by its place in the bytes that `attach` names.
    @inline(__always)
    func append(start: Int, length: Int) {
        if count == capacity { grow() }
        unsafe places[count] = (start, length)
        used &+= 1
    }

    @inline(never)
    private func grow() {
        let fresh = UnsafeMutablePointer<(start: Int, length: Int)>.allocate(capacity: capacity * 2)
        unsafe fresh.moveInitialize(from: places, count: count)
        unsafe places.deallocate()
        unsafe places = unsafe fresh
        capacity *= 2
    }

    /// Forgets the arguments, and memory that an unusually long request took.
    func reset() {
        used = 0
        guard capacity > 4096 else { return }
        unsafe places.deallocate()
        capacity = 64
        unsafe places = .allocate(capacity: 64)
    }

    /// Says where the bytes are now.
    @inline(__always)
    func attach(_ bytes: ByteSlice) { unsafe base = unsafe bytes.base }

    @inline(__always)
    subscript(index: Int) -> ByteSlice {
        precondition(index >= 0 && index < count, "arguments: index out of bounds")
        let place = unsafe places[index]
        return unsafe ByteSlice(base + place.start, count: place.length)
    }

    /// Bytes of all arguments together.
    var byteCount: Int { (0..<count).reduce(0) { $0 + self[$1].count } }
}
