extension Unmanaged {
    /// Lends the object without counting a reference: whoever calls keeps it alive otherwise. As
    /// `_withUnsafeGuaranteedRef`, with the body's own error type.
    @inline(__always)
    @unsafe func lend<R, E: Error>(_ body: (Instance) throws(E) -> R) throws(E) -> R {
        let result = unsafe _withUnsafeGuaranteedRef { (instance) -> Result<R, E> in
            do throws(E) {
                return .success(try body(instance))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
