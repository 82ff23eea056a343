internal import Crypto

/// How passwords are kept: as SHA-256, in hexadecimal digits, as Redis' ACL files have them.
enum PasswordDigest {
    static func hexadecimal(_ password: [UInt8]) -> String {
        SHA256.hash(data: password).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count < 2 ? "0" + digits : digits
        }.joined()
    }
}
