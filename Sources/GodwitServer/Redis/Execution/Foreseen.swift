internal import GodwitEngine

/// What the next requests of a pipeline will read, looked up together. Good while the connection's bytes lie where they
/// are and nothing is committed: an answer is taken by the very place of the key in those bytes.
@safe
final class Foreseen {
    private struct State {
        var keyspace: UInt32 = 0
        var keys: [ByteSlice] = []
        /// Where each value lies; a length of -1 for no value, of -2 where memory cannot tell.
        var places: [(start: Int, length: Int)] = []
        var next = 0
    }

    private let state = LoopOwned(State())
    private let values = ByteBox(capacity: 16 << 10)

    /// Forgets everything.
    @inline(__always)
    func clear() { if !state.value.keys.isEmpty { forget() } }

    private func forget() {
        state.value.keys.removeAll(keepingCapacity: true)
        state.value.places.removeAll(keepingCapacity: true)
        state.value.next = 0
        values.clear(keeping: 256 << 10)
    }

    /// Finds the keys of the next requests and looks them up; `missing` is told those that memory cannot tell of. Returns
    /// how many requests were looked at.
    func look(_ bytes: ByteSlice, _ engine: Engine, _ keyspace: Keyspace, missing: (ByteSlice) -> Void) -> Int {
        forget()
        let count = LookAhead.find(bytes, &state.value.keys)
        guard state.value.keys.count > 1 else {
            forget()
            return count
        }
        let keys = state.value.keys
        state.value.keyspace = keyspace.id
        for _ in keys { state.value.places.append((0, -1)) }
        do throws(EngineError) {
            try engine.multiGetIfResident(keys, in: keyspace) { index, value in
                let start = values.count
                values.append(value)
                state.value.places[index] = (start, values.count - start)
            } needsIO: { index in
                state.value.places[index].length = -2
                missing(keys[index])
            }
        } catch {
            // Whoever reads next meets the error and says so.
            forget()
        }
        return count
    }

    /// The answer for a key, where it was foreseen: its value is appended to `box`.
    @inline(__always)
    func take(_ keyspace: UInt32, _ key: ByteSlice, into box: ByteBox) -> Executor.Lookup? {
        state.value.next < state.value.keys.count && state.value.keyspace == keyspace ? find(key, box) : nil
    }

    private func find(_ key: ByteSlice, _ box: ByteBox) -> Executor.Lookup? {
        var index = state.value.next
        while index < state.value.keys.count {
            if unsafe state.value.keys[index].base == key.base, state.value.keys[index].count == key.count {
                state.value.next = index + 1
                let place = state.value.places[index]
                if place.length == -2 { return nil }
                if place.length < 0 { return .absent }
                box.append(values.slice.slice(place.start, place.length))
                return .found
            }
            index &+= 1
        }
        return nil
    }
}
