require "fuzz"
require("nowhere")
