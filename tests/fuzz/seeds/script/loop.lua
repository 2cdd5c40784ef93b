while true do pcall(function() error({}) end) end
