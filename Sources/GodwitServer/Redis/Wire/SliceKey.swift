/// A slice as the key of a dictionary, for requests that name so many keys or fields that looking through them would take
/// long. Good for as long as the slice is.
struct SliceKey: Hashable {
    let slice: ByteSlice

    static func == (left: SliceKey, right: SliceKey) -> Bool { left.slice.equals(right.slice) }

    func hash(into hasher: inout Hasher) { hasher.combine(slice.hash(seed: 0)) }
}
