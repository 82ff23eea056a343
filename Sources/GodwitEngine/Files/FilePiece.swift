/// A piece of a file that is read along with others: see `FileSystem.readTogether`.
@safe
public struct FilePiece {
    /// The file.
    public let file: any File
    /// Where the bytes go; how many are wanted.
    public let buffer: UnsafeMutableRawBufferPointer
    /// Where they are in the file.
    public let offset: UInt64
    /// How many bytes were read; 0 before, and where the read failed.
    public var count = 0

    /// A piece that has not been read yet.
    public init(_ file: any File, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) {
        self.file = file
        unsafe self.buffer = unsafe buffer
        self.offset = offset
    }
}

extension FileSystem {
    /// Reads nothing: there is no better way than one by one.
    public func readTogether(_ pieces: inout [FilePiece]) -> Bool { false }
}
