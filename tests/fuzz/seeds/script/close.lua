do local x <const> = 1 local y <close> = setmetatable({}, { __close = function() while true do end end }) end
