// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "ReduceTokens",
    dependencies: [
        // In a package of your own, where the sources of TokenReel lie.
        .package(name: "tokenreel", path: "../..")
    ],
    targets: [
        .executableTarget(name: "ReduceTokens", dependencies: [.product(name: "TokenReduction", package: "tokenreel")])
    ],
    swiftLanguageModes: [.v6]
)
