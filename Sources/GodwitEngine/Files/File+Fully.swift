#if canImport(Glibc)
    internal import Glibc
#endif

extension File {
    /// Reads until the buffer is full or the file ends, through short reads and interruptions (at most 1,000 in a
    /// row). Returns how many bytes were read.
    package func readFully(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(EngineError) -> Int {
        var done = 0
        var interruptions = 0
        while done < buffer.count {
            do throws(EngineError) {
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                let count = try unsafe readOnce(into: rest, at: offset + UInt64(done))
                if count == 0 { break }
                done += count
                interruptions = 0
            } catch {
                guard error.errno == EINTR, interruptions < 1000 else { throw error }
                interruptions += 1
            }
        }
        return done
    }

    /// Reads exactly `length` bytes, or throws `.corruption` when the file ends before.
    package func read(_ length: Int, at offset: UInt64) throws(EngineError) -> [UInt8] {
        var failure: EngineError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            do throws(EngineError) {
                count = try unsafe readFully(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        guard bytes.count == length else {
            throw EngineError(
                .corruption, "the file ends after \(bytes.count) of the \(length) bytes that belong here",
                file: path, offset: offset)
        }
        return bytes
    }

    /// Writes all bytes, through short writes and interruptions (at most 1,000 in a row).
    package func writeFully(_ bytes: ByteView, at offset: UInt64) throws(EngineError) {
        var done = 0
        var interruptions = 0
        while done < bytes.count {
            do throws(EngineError) {
                let rest = bytes.dropFirst(done)
                done += try unsafe writeOnce(rest.buffer, at: offset + UInt64(done))
                interruptions = 0
            } catch {
                guard error.errno == EINTR, interruptions < 1000 else { throw error }
                interruptions += 1
            }
        }
    }
}
